"""What the vendor's Java tool left in its folders, as far as the vendor documents it."""
