chmod 700 tree/full
