"""Paper Crane 纸鹤非税平台, a platform that does not exist: how one that speaks JSON is spoken to from end to end."""
