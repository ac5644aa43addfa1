"""A non-tax revenue platform that speaks the TCP frame CNNONTAX with vouchers in GBK."""
