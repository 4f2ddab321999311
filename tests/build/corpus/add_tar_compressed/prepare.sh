tar -czf one.bin x; tar -cjf two.tar.bz2 y; tar -cJf three.txz z; rm x y z
