"""The difference between kernels and reference, counted in units in the last place, where the kernels run: GPU or processor.

``python -m accelerated.parity`` calls every public function of this package and of the reference on the same inputs, says for
each how many inputs there were and how far apart a result was, and writes that into a file. The bound is 0: the same bits.
"""
