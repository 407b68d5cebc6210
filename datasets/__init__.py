"""Cases and where they come from: phantom, folders of real scans, preparation, simulated lesions."""
