"""A network whose body never trains: what it makes of the images, once, and the heads that train on that."""
