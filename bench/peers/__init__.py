"""The contenders of `bench.overhead`: Precis, and one small program for each way that people would write instead."""
