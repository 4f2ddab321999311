echo text | gzip -n > text.gz; tar --mtime=@1 -cf real.tar x; touch -d @1000000000 real.tar; rm x
