"""The data server: stateless, NFSv4.1 data-server side of the files layout, objects in a local file system."""
