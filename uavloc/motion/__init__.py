"""What is estimated, how it goes on in time, and what IMU and air speed say of that."""
