"""What `precis summarize` and `precis runs` do: read the arguments, hand the batch in, show what comes.

Standard output carries the result alone, so that it can be piped; everything else goes to standard error. `local` and
`folder` bring the whole service with them, which takes seconds: they are imported only when they are used, and a
service elsewhere needs neither.
"""
