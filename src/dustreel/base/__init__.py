"""What every room stands on: settings, the database, time, randomness, errors, log lines. It imports no other room."""
