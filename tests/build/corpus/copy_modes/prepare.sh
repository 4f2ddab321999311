chmod 4750 tree/a
chmod 2771 tree/sub
chmod 0400 tree/sub/b
touch -d @500000000 tree/a
touch -d @1 tree/sub/b
touch -d @400000000 tree/sub
