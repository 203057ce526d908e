module breakwater/lab/standin/pause

go 1.26.0
