"""A worker's side of live sessions: recognise, translate, write down, go on where another left."""
