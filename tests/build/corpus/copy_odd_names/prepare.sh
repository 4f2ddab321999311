printf x > 'names/new
line'
printf y > "names/it's"
printf z > 'names/"q"'
