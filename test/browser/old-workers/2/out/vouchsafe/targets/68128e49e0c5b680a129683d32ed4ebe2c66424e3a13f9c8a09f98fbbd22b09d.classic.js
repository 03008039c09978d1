// Each file proves that it ran or was rendered by an entry here; the tests compare the whole of it.
window.proof = { classic: 'ran' };
