// A precompiled header is compiled with the sources of a target; this is its only one.
