#!/usr/bin/env bash
# Installs what the browser tests need: Debian's Chromium, and a font with Hangul for it. Without it they are skipped by name; nothing fails.
set -u

if [ -x /usr/bin/chromium ]; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "precis: no Chromium here, and it can only be installed as root with apt-get: the browser tests will be named as not run."
  exit 0
fi
echo "precis: installing Chromium for the browser tests ..."
if ! {
  apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk
} >/dev/null 2>&1 </dev/null; then
  echo "precis: Chromium could not be installed: the browser tests will be named as not run."
fi
exit 0
