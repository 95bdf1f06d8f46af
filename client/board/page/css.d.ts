/** The bundler puts styles into a file beside the program. */
declare module '*.css';
