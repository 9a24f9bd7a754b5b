"""Evidence: what institutions published, as their servers sent it, in WARC files whose records form a hash chain.

One file a source and day (Shanghai), one gzip member a record. A record names its place in the file and the SHA-256 of the
record before it, over the bytes as they lie in the file, so that no byte is left out. `evidence.db`, outside the folder, holds
the hash of every record, the desk's database the last one of every file: a cut end is found too. A record that retention
takes leaves a tombstone with its hash, so that the chain still holds.
"""
