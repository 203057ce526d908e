"""How breakwater makes hosts so: settings, facts that read, operations that write the difference."""
