"""What the menus do, a file for each: functions of the `Context` that they act on."""
