pub mod index_file;
