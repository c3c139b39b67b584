"""What tests of the state machine share."""
