ln -s file tree/to-file; ln -s real tree/to-dir; ln -s /etc/passwd tree/absolute; ln -s nowhere tree/broken; ln -s ../../.. tree/up
