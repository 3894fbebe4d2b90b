#!/bin/sh
# Answers ssh-keygen, which takes a passphrase from nowhere else without showing it to other users.
printf '%s\n' "$REPOSYNC_PASSPHRASE"
