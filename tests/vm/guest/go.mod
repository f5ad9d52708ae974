module philoscope/tests/vm/guest

go 1.19
