"""From images and video to Action Units: reading, predicting, and writing what was found."""
