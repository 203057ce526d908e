"""The lab's hosts as an ordinary inventory: python -m lab exec -- pyinfra -y lab/inventory.py deploy.py"""

storage = [("storage", {"ssh_hostname": "10.77.0.11"})]
nodes = [("node1", {"ssh_hostname": "10.77.0.21"}), ("node2", {"ssh_hostname": "10.77.0.22"})]
proxies = [("proxy", {"ssh_hostname": "10.77.0.31"})]
# Whoever pushes and pulls from outside: neither a node nor a proxy.
clients = storage
bastion = ["@local"]
