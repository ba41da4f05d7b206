"""nas: which vision architecture should I train and ship under this budget, on this device?"""
