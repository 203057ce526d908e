"""What is in Harbor: projects, people, robots, caches and policies, as the settings say."""
