"""Tests of the one door to every model: ledger, gate, attempts, hedging."""
