"""What a test of agents needs: scripted providers, a loopback server. Import the submodules by name."""
