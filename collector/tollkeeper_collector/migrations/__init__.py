"""The numbered SQL files beside this module make the tables; ``runner`` applies them once each."""
