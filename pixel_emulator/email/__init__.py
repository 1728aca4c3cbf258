"""Find the pixels in a mail, and open the mail so that they are requested."""
