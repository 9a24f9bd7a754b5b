"""The demo public web: four sites of a fictional city, a mail server and a drop folder. Not part of the product."""
