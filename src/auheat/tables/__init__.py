"""Result tables: what a row is in each convention, and reading the tables back."""
