"""`auheat report`: one HTML file from a result table, with everything it needs inside."""
