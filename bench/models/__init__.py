"""Models: trained parts of one method with a manifest, by name; listed, exported from runs, sent and fetched."""
