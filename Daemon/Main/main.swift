print("cais")
