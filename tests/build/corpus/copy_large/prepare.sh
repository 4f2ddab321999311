yes 0123456789abcdef | head -c 9000000 > large
