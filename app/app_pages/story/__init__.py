"""Page Story: one decision from "where do they part" to "is this true", a picture and a sentence a step."""
