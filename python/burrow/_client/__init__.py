"""The SDK's own client: talks to burrowd and knows nothing of the command line."""
