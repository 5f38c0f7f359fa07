"""The measurements of `mien bench`. Nothing else imports them."""
