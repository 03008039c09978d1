export const dependency = 'imported';
