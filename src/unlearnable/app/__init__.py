"""The local web app: choose a folder, look, protect, prove. It binds this computer only and asks nobody else."""
