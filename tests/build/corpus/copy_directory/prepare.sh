mkdir tree/empty
chmod 700 tree/sub
