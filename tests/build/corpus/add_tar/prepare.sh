chmod 640 tree/new; touch -d @600000000 tree/new; ln -s new tree/link; touch -h -d @600000000 tree/link; ln tree/new tree/same
tar --owner=1000 --group=1001 --format=ustar -cf tree.tar -C tree full new link same
rm -r tree
