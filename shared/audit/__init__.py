"""The audit trail's form outside of the database, and the proof that it is complete. Pure.

lines    one row of the trail as a line of the export
chain    the bytes of a row that its seal covers, and the check of a whole chain of seals
"""
