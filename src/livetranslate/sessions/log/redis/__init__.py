"""The session log over Redis Streams, shared by every process of an installation.

Keys of a session share the hash tag ``{session id}``, those of the queue ``{voice_sessions}``, so
that each script has its keys in one slot of a cluster.

``voice_sessions:{id}:state``      hash: what ``SessionState`` tells, the claim, the checkpoint
``voice_sessions:{id}:entries``    stream: what the edge brought and no checkpoint has passed; the
                                   entry at position p has the id ``p+1-0``
``voice_sessions:{id}:configs``    stream: the configuration behind each update among those entries
``voice_sessions:{id}:events``     stream: final events; the event's number is its id
``voice_sessions:{id}:previews``   hash: of each preview the newest, ``number:event``
``voice_sessions``                 stream: one entry for each open session, read by the group
                                   ``workers``; who holds an entry, kept fresh, holds the claim
``{voice_sessions}:index, :open``  sorted sets: all sessions by age, and those that have not ended
``{voice_sessions}:order``         counter of sessions
``{voice_sessions}:leader``        who looks after all sessions
``{voice_sessions}:dead``          stream of dead letters
``worker_responses``               stream of the workers' claims, releases and ends
"""
